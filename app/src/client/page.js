// What the page does with the browser beyond its own elements, where Rust would only pass the calls on.

/** Plays a video, if the browser lets it. Otherwise it stays paused. */
export const play = (media) => void media.play()?.catch(() => {});

/** Plays a video with its sound: at once if the browser lets it, otherwise at the viewer's first click or key on the page. */
export function play_aloud(media) {
  const refused = () => {
    media.muted = true;
    play(media);
    const events = ['click', 'keydown'];
    const act = ({ type, target }) => {
      // A key that presses a button is followed by its click, which may be about the sound.
      if (type === 'keydown' && target.closest?.('button, summary')) return;
      events.forEach((event) => removeEventListener(event, act));
      media.muted = false;
    };
    events.forEach((event) => addEventListener(event, act));
  };
  media.muted = false;
  media.play()?.catch(refused);
}

/** Tells the style sheet which part of the window can be seen: some browsers lay a keyboard over the page, and move it. */
export function follow_window() {
  const seen = window.visualViewport;
  const { style } = document.documentElement;
  if (!seen) return;
  const look = () => {
    // A viewer who zooms in wants to see a part of the page.
    const whole = seen.scale < 1.01;
    style.setProperty('--seen', whole ? `${seen.height}px` : '');
    style.setProperty('--above', whole ? `${seen.offsetTop}px` : '');
  };
  seen.addEventListener('resize', look);
  seen.addEventListener('scroll', look);
  look();
}

/** Calls `act` whenever a list or its content changes size. */
export function on_resize(list, act) {
  const observer = new ResizeObserver(() => act());
  [list, ...list.children].forEach((element) => observer.observe(element));
}

/** Copies a text to the clipboard; calls `done` if that worked. Without HTTPS scripts have no clipboard but what is selected. */
export function copy(text, done) {
  if (navigator.clipboard) return void navigator.clipboard.writeText(text).then(done, () => {});
  const field = Object.assign(document.createElement('textarea'), { value: text });
  document.body.append(field);
  field.select();
  if (document.execCommand('copy')) done();
  field.remove();
}
