// What a viewer chooses, by hand, by keyboard and by ear; what is kept of it; and where it all is on a phone.
import { test, expect } from '../lib/test.mjs';
import { pour } from '../lib/pour.mjs';
import { ulid } from '../lib/speakers.mjs';
import { enter, fresh, input, line, lines, say } from '../lib/room.mjs';

const panel = (page) => page.locator('.settings-panel');
const composer = (page) => page.locator('.composer');
const log = (page) => page.getByRole('log');
const many = (text, length) => Array.from({ length }, (_, n) => `${fresh(text)} #${n}`);

async function open(page) {
  await page.locator('.player').hover();
  await page.locator('.settings summary').click();
  await expect(panel(page)).toBeVisible();
}

/** How far the chat is from its end, CSS pixels. */
const fromEnd = (page) => log(page).evaluate((list) => list.scrollHeight - list.clientHeight - list.scrollTop);

/** The part of the window that `locator` takes. */
const box = (locator) => locator.boundingBox();

/** Names, roles and values of all controls, as assistive technology is told them. */
async function controls(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const roles = ['button', 'slider', 'radio', 'checkbox', 'textbox', 'link', 'combobox', 'DisclosureTriangle', 'switch'];
  const property = ({ properties = [] }, name) => properties.find((property) => property.name === name)?.value.value;
  return nodes
    .filter(({ ignored, role }) => !ignored && roles.includes(role?.value))
    .map((node) => ({
      role: node.role.value,
      name: node.name?.value ?? '',
      value: String(node.value?.value ?? property(node, 'checked') ?? ''),
    }));
}

for (const [locale, texts] of [
  [
    'en-US',
    {
      sliders: { Opacity: '100 %', Size: '100 %', Speed: '100 %', Area: '75 %', 'Lanes at most': 'all', 'Danmu at most': 'all' },
      outlines: { Line: 'true', Shadow: 'false', None: 'false' },
      overlap: 'Let danmu overlap',
    },
  ],
  [
    'zh-CN',
    {
      sliders: { 不透明度: '100 %', 字号: '100 %', 速度: '100 %', 显示区域: '75 %', 最多轨道: '不限', 同屏数量: '不限' },
      outlines: { 描边: 'true', 投影: 'false', 无: 'false' },
      overlap: '允许重叠',
    },
  ],
]) {
  test.describe(`in ${locale}`, () => {
    test.use({ locale });
    test('every control has a name, and what is chosen a value', async ({ page }) => {
      await enter(page);
      await open(page);
      const all = await controls(page);
      expect(all.filter(({ name }) => name.trim() === '')).toEqual([]);
      const of = (role) => Object.fromEntries(all.filter((one) => one.role === role).map(({ name, value }) => [name, value]));
      // The tree has numbers; what is read out in their place is an attribute.
      expect(Object.keys(of('slider'))).toEqual(Object.keys(texts.sliders));
      expect(Object.values(of('slider')).every((value) => Number(value) > 0)).toBe(true);
      const said = await page.getByRole('slider').evaluateAll((all) => all.map((one) => one.getAttribute('aria-valuetext')));
      expect(said).toEqual(Object.values(texts.sliders));
      expect(of('radio')).toEqual(texts.outlines);
      expect(of('checkbox')).toEqual({ [texts.overlap]: 'false' });
    });
  });
}

test('a press on a name is one on what it names', async ({ page }) => {
  await enter(page);
  await open(page);
  await panel(page).getByText('Speed').click();
  await expect(page.getByRole('slider', { name: 'Speed' })).toBeFocused();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('slider', { name: 'Speed' })).toHaveAttribute('aria-valuetext', '110 %');
  await panel(page).getByText('Shadow').click();
  await expect(page.getByRole('radio', { name: 'Shadow' })).toBeChecked();
  await panel(page).getByText('Let danmu overlap').click();
  await expect(page.getByRole('checkbox', { name: 'Let danmu overlap' })).toBeChecked();
});

test('the panel closes by Escape, by leaving it, and by a press beside it, which does nothing else', async ({ page }) => {
  await enter(page);
  const summary = page.locator('.settings summary');
  await open(page);
  await page.getByRole('slider', { name: 'Size' }).focus();
  await page.keyboard.press('Escape');
  await expect(panel(page)).toBeHidden();
  await expect(summary).toBeFocused();
  await open(page);
  await input(page).focus();
  await expect(panel(page)).toBeHidden();
  await open(page);
  // Beside what is in it, it stays open.
  await panel(page).click({ position: { x: 4, y: 4 } });
  await expect(panel(page)).toBeVisible();
  const paused = await page.locator('video').evaluate((video) => video.paused);
  await page.mouse.click(200, 200);
  await expect(panel(page)).toBeHidden();
  expect(await page.locator('video').evaluate((video) => video.paused)).toBe(paused);
});

test('a page that is loaded again is as its viewer had it, and each room has its own draft', async ({ page, context }) => {
  await enter(page);
  await page.locator('.player').hover();
  await page.getByRole('button', { name: 'Hide danmu' }).click();
  await page.getByRole('button', { name: 'Unmute' }).click();
  await page.locator('.style summary').click();
  await page.getByRole('radio', { name: 'Cyan' }).check();
  await page.getByRole('radio', { name: 'Bottom' }).check();
  await page.keyboard.press('Escape');
  const draft = fresh('half of a thou');
  await input(page).fill(draft);
  await page.reload();
  await expect(input(page)).toHaveValue(draft);
  await expect(page.locator('.count')).toContainText(String(draft.length));
  await expect(page.getByRole('button', { name: 'Show danmu' })).toBeAttached();
  await expect(page.locator('[data-overlay]')).toBeHidden();
  await expect(page.locator('[name=color][value="#4de1f5"]')).toBeChecked();
  await expect(page.locator('[name=mode][value=bottom]')).toBeChecked();
  // Browsers may want to see somebody first.
  await input(page).press('End');
  await expect.poll(() => page.locator('video').evaluate((video) => video.muted)).toBe(false);
  await expect(page.getByRole('button', { name: 'Mute', exact: true })).toBeAttached();

  // Another tab of the same browser has the choices, and no draft of this one.
  const other = await context.newPage();
  await enter(other);
  await expect(other.locator('[name=color][value="#4de1f5"]')).toBeChecked();
  await expect(input(other)).toHaveValue('');
  await say(page, draft);
  await expect(line(page, draft)).toHaveAttribute('data-state', 'confirmed');
  await page.reload();
  await expect(composer(page)).toHaveAttribute('data-ready', 'true');
  await expect(input(page)).toHaveValue('');
});

test('full screen fills the window where elements have none', async ({ page }) => {
  await page.addInitScript(() => {
    Object.defineProperty(Document.prototype, 'fullscreenEnabled', { value: false });
    delete Element.prototype.requestFullscreen;
  });
  await enter(page);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const { width, height } = page.viewportSize();
  for (const leave of [() => button('Leave full screen').click(), () => page.keyboard.press('Escape')]) {
    await page.locator('.player').hover();
    await button('Full screen').click();
    const main = await box(page.locator('main'));
    expect(main).toEqual({ x: 0, y: 0, width, height });
    await expect(page.locator('.chat')).toBeHidden();
    const text = fresh('from the whole window');
    await say(page, text);
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    await expect(composer(page)).toBeInViewport({ ratio: 1 });
    await page.locator('.player').hover();
    await leave();
    await expect(button('Full screen')).toBeAttached();
    await expect(page.locator('.chat')).toBeVisible();
  }
});

test('dark colours can be read in the chat', async ({ page, server }) => {
  await enter(page);
  const danmu = (color) => JSON.stringify({ v: 1, id: ulid(), room: 'demo', text: fresh(`${color} is dark`), color });
  await pour(server, ['#000000', '#000080', '#4b0082', '#800000'].map(danmu));
  await expect(lines(page).filter({ hasText: 'is dark' })).toHaveCount(4);
  const contrasts = await page.locator('.said').evaluateAll((said) => {
    const luminance = (color) => {
      const parts = color.match(/\d+/g).slice(0, 3).map((part) => part / 255);
      const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
    };
    const ground = luminance(getComputedStyle(document.querySelector('.chat')).backgroundColor);
    return said.map((element) => luminance(getComputedStyle(element).color) / ground);
  });
  expect(Math.min(...contrasts)).toBeGreaterThanOrEqual(4.5);
});

const phone = { width: 360, height: 740 };

test.describe('on a phone', () => {
  test.use({ viewport: phone, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });

  for (const [name, viewport] of [
    ['upright', phone],
    ['on its side', { width: 740, height: 360 }],
  ]) {
    test.describe(name, () => {
      test.use({ viewport });
      test('the panel leaves the picture free, and all of its rows can be reached', async ({ page }) => {
        await enter(page);
        await page.locator('.settings summary').tap();
        const [picture, choices] = [await box(page.locator('video')), await box(panel(page))];
        const apart =
          choices.y >= picture.y + picture.height || choices.x >= picture.x + picture.width || choices.x + choices.width <= picture.x;
        expect(apart, JSON.stringify({ picture, choices })).toBe(true);
        expect(choices.x >= 0 && choices.y >= 0).toBe(true);
        expect(choices.x + choices.width).toBeLessThanOrEqual(viewport.width);
        expect(choices.y + choices.height).toBeLessThanOrEqual(viewport.height);
        for (const control of await panel(page).locator('input').all()) {
          await control.scrollIntoViewIfNeeded();
          await expect(control).toBeInViewport({ ratio: 1 });
        }
        await page.getByRole('checkbox').tap();
        await expect(page.getByRole('checkbox')).toBeChecked();
        await page.touchscreen.tap(picture.x + picture.width / 2, picture.y + 40);
        await expect(panel(page)).toBeHidden();
      });
    });
  }

  test('turned round, and with a keyboard, the chat keeps its end and the composer is in the window', async ({
    page,
    server,
  }) => {
    await enter(page);
    const texts = many('a line that is long enough to be broken where the window is narrow', 60);
    await pour(server, texts);
    await expect(line(page, texts.at(-1))).toHaveCount(1);
    for (const viewport of [
      { width: 740, height: 360 },
      phone,
      // A keyboard that makes the page lower, upright and on its side.
      { width: 360, height: 420 },
      phone,
      { width: 740, height: 190 },
      phone,
    ]) {
      await page.setViewportSize(viewport);
      await expect(composer(page), JSON.stringify(viewport)).toBeInViewport({ ratio: 1 });
      await expect.poll(() => fromEnd(page), JSON.stringify(viewport)).toBeLessThan(2);
      await expect(lines(page).last()).toBeInViewport();
    }
  });

  test('where a keyboard lies over the page, and moves it, all is in what can be seen', async ({ page, server }) => {
    // Such a keyboard as phones have that know no other way.
    await page.addInitScript(() => {
      const seen = Object.assign(new EventTarget(), { scale: 1, offsetTop: 0, height: innerHeight, width: innerWidth });
      Object.defineProperty(window, 'visualViewport', { value: seen });
      window.keyboard = (height, offsetTop) => {
        Object.assign(seen, { height: innerHeight - height, offsetTop });
        seen.dispatchEvent(new Event('resize'));
      };
    });
    await enter(page);
    const texts = many('said before', 40);
    await pour(server, texts);
    await expect(line(page, texts.at(-1))).toHaveCount(1);
    for (const [keyboard, above] of [[320, 0], [320, 180], [0, 0]]) {
      await page.evaluate(([keyboard, above]) => window.keyboard(keyboard, above), [keyboard, above]);
      const bottom = above + phone.height - keyboard;
      await expect
        .poll(async () => {
          const { y, height } = await box(composer(page));
          return y >= above && y + height <= bottom;
        })
        .toBe(true);
      await expect.poll(() => fromEnd(page)).toBeLessThan(2);
      const last = await box(lines(page).last());
      expect(last.y >= above && last.y + last.height <= bottom).toBe(true);
      expect((await box(page.locator('video'))).y).toBeGreaterThanOrEqual(above);
    }
  });
});
