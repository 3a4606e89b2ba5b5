// Launch options for this machine's Chromium, without its background traffic.

const executablePath = process.env.CHROMIUM;
if (!executablePath) throw new Error('CHROMIUM names no browser; start the tests by `cargo xtask test`');

export const browserOptions = {
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};
