// Speaks the DevTools protocol to what a session has attached to and Playwright does not hold: workers, tabs.

/** For a session: answers, for each that it attached to (not `flatten`), a function that asks it. */
export function through(session) {
  const answers = new Map();
  let asked = 0;
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, ...answer } = JSON.parse(message);
    answers.get(id)?.(answer);
    answers.delete(id);
  });
  return (sessionId) => (method, params) =>
    new Promise((resolve, reject) => {
      const id = (asked += 1);
      answers.set(id, ({ error, result }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result)));
      const message = JSON.stringify({ id, method, params });
      session.send('Target.sendMessageToTarget', { sessionId, message }).catch(reject);
    });
}
