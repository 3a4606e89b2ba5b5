// DevTools protocol for targets that Playwright does not manage: workers and tabs that a session attached to.

/** Returns a function that takes the id of an attached target (not `flatten`) and returns a function that sends it commands. */
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
