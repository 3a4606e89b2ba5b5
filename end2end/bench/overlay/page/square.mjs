// A square that moves at a known rate, on a page or in a worker.

/** Calls `draw` with a place in every second frame of the display, for as long as there are frames. */
export function everySecondFrame(draw) {
  let frame = 0;
  requestAnimationFrame(function next() {
    frame += 1;
    if (frame % 2 === 0) draw((frame * 3) % 1_200);
    requestAnimationFrame(next);
  });
}

/** Draws the square on `canvas`, at `x`. */
export function square(canvas) {
  const context = canvas.getContext('2d');
  return (x) => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillRect(x, 100, 50, 50);
  };
}
