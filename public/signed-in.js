// Where an issuer's page sends the browser back to: passes on what it came with, to the page that waits in another window, or to
// the one that this window left.
{
  const back = sessionStorage.getItem('danmu-account-back');
  const answer = location.search.slice(1);
  // The code is nobody's business any more, not even the history's.
  history.replaceState(null, '', location.pathname);
  if (back) {
    sessionStorage.removeItem('danmu-account-back');
    const room = new URL(back);
    room.hash = `signed-in?${answer}`;
    // By its whole address: a path that begins with two slashes would name another host.
    if (room.origin === location.origin) location.replace(room.href);
  } else {
    new BroadcastChannel('danmu-account').postMessage(answer);
    close();
  }
}
