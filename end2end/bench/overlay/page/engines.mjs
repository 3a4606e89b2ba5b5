// The engines, each behind the same small interface:
//
//   mount(stage, options) → { emit(list), live(), stats?(), drawn?(), rectangles?(), canvas?, worker?, width?(text), destroy() }
//
// `stage` is an empty box of 1280×720; `options` are `overlap` (whether danmu may overlap in a full picture) and `sound`
// (a silent sound, for engines that follow a medium). `live()` is the engine's own count of danmu on the stage, `drawn()`
// that of those of which something was ever in the picture. An engine that draws on a canvas gives that canvas, and says
// whether a worker does it; one that makes elements gives its danmu's `rectangles()`. Each is set up as its own documentation
// does it: 25 px bold, 8 s across, the whole height. On a canvas texts are outlined. As elements they are not, to be fair: in
// every frame an outline costs several times what the text does.
import Danmaku from 'danmaku';
import { DanmuJs } from 'danmu.js';
import Artplayer from 'artplayer';
import artplayerPluginDanmuku from 'artplayer-plugin-danmuku';
import { css } from '../corpus.mjs';
import { ours } from './ours.mjs';
import { rulers } from './rulers.mjs';

const SECONDS = 8;
const FONT = 'bold 25px "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif';

function danmaku(engine) {
  return (stage) => {
    const player = new Danmaku({ container: stage, engine, speed: stage.clientWidth / SECONDS });
    const style =
      engine === 'dom'
        ? (color) => ({ font: FONT, color })
        : (color) => ({ font: FONT, fillStyle: color, strokeStyle: '#000', lineWidth: 2 });
    const running = () => player._.runningList;
    return {
      emit(list) {
        for (const { text, color } of list) player.emit({ text, mode: 'rtl', style: style(css(color)) });
      },
      live: () => running().length,
      ...(engine === 'dom' ? elements(stage.firstElementChild) : { canvas: stage.querySelector('canvas') }),
      destroy: () => player.destroy(),
    };
  };
}

async function danmuJs(stage, { overlap, sound }) {
  await sound.play();
  const player = new DanmuJs({
    container: stage,
    player: sound,
    overlap,
    area: { start: 0, end: 1 },
    channelSize: 38,
  });
  return {
    emit(list) {
      for (const { id, text, color } of list) {
        const style = { color: css(color), font: FONT };
        player.sendComment({ id, txt: text, duration: SECONDS * 1_000, mode: 'scroll', style });
      }
    },
    live: () => player.state.bullets.length,
    ...elements(stage),
    destroy: () => player.destroy(),
  };
}

async function artplayer(stage, { overlap, sound }) {
  const plugin = artplayerPluginDanmuku({
    danmuku: [],
    speed: SECONDS,
    margin: [0, 0],
    fontSize: 25,
    antiOverlap: !overlap,
    emitter: false,
  });
  const player = new Artplayer({ container: stage, url: sound.src, muted: true, loop: true, plugins: [plugin] });
  await new Promise((resolve) => player.on('ready', resolve));
  await player.play();
  const danmuku = player.plugins.artplayerPluginDanmuku;
  const layer = player.template.$danmuku;
  return {
    emit(list) {
      for (const { text, color } of list) danmuku.emit({ text, color: css(color), style: { font: FONT } });
    },
    live: () => layer.querySelectorAll('[data-state=emit]').length,
    ...elements(layer),
    destroy: () => player.destroy(),
  };
}

/** What can be known of danmu that are elements in `layer`. */
function elements(layer) {
  return {
    /** Those in the picture, with where they are. */
    rectangles: () =>
      Array.from(layer.children, (element) => ({
        text: element.textContent,
        element,
        box: element.getBoundingClientRect(),
      })).filter(({ element, box }) => box.width > 0 && element.style.visibility !== 'hidden'),
  };
}

export const engines = {
  ours,
  'danmaku DOM': danmaku('dom'),
  'danmaku canvas': danmaku('canvas'),
  'danmu.js': danmuJs,
  artplayer,
  ...rulers,
};
