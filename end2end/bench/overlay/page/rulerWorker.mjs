// The square in a worker, on the canvas that it is sent.
import { everySecondFrame, square } from './square.mjs';

onmessage = ({ data: canvas }) => everySecondFrame(square(canvas));
