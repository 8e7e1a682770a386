// Read an FBX with three.js in headless Chromium and print what it finds as JSON.
//
//   npm install
//   node check.mjs FILE.fbx FPS FRAMES PICTURE.png [CHROMIUM]
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const [model, fps, frames, picture, chromium = "/usr/bin/chromium"] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const kinds = { ".html": "text/html", ".js": "text/javascript" };

const server = createServer(async (request, response) => {
  const name = new URL(request.url, "http://localhost").pathname;
  const file = name === "/model.fbx" ? model : path.join(here, path.normalize(name));
  try {
    const body = await readFile(file);
    response.writeHead(200, { "content-type": kinds[path.extname(file)] ?? "application/octet-stream" }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await puppeteer.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
});
try {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.setViewport({ width: 1200, height: 600 });
  await page.goto(`http://127.0.0.1:${server.address().port}/page.html`);
  await page.waitForFunction("window.ready", { timeout: 20000 });
  const last = Number(frames) - 1;
  const shown = [0, Math.round(last / 3), Math.round((2 * last) / 3), last];
  const result = await page.evaluate((...given) => window.read(...given), Number(fps), Number(frames), shown);
  await page.screenshot({ path: picture });
  process.stdout.write(JSON.stringify({ ...result, errors }) + "\n");
} finally {
  await browser.close();
  server.close();
}
