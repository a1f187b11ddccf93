#!/usr/bin/env python3
"""Opens pages of `snn_dist report` in Chromium without a screen and says what is wrong with them; exit code 1 if anything is.

    browser.py [--pictures FOLDER] PAGE.html [PAGE.html...]

Each page is looked at on a laptop (1,100 pixels wide) and a phone (400), in light and in dark, and printed. Wrong are: messages on the
console, requests for anything but the page, content that makes the page scroll sideways, text that is cut off or too small or
has too little contrast, headings that skip a level, tables without a caption, plots without words, and what scrolls but cannot be
reached by keyboard. Chromium is driven through its pipe (--remote-debugging-pipe), so nothing but Python's own library is needed.
Exit code 77 if there is no Chromium, or none that starts.
"""
import argparse
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile

WIDTHS = {"laptop": 1100, "phone": 400}
PATIENCE = 120  # seconds for one answer of Chromium

# What a page is asked, once for each width and colour scheme: a list of complaints.
QUESTIONS = r"""
(() => {
  const wrong = [];
  const page = document.documentElement;
  const name = element => element.tagName.toLowerCase() + (element.id ? "#" + element.id : "") + " \"" + element.textContent.trim().slice(0, 40) + "\"";
  if (page.scrollWidth > page.clientWidth) wrong.push(`the page is ${page.scrollWidth} pixels wide on ${page.clientWidth}`);
  const scrolls = element => element.closest(".scroll") !== null;
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (!scrolls(element) && box.right > page.clientWidth + 1) wrong.push(`${name(element)} ends at ${box.right} of ${page.clientWidth}`);
  }
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) wrong.push(`${name(heading)} follows a heading of level ${level}`);
    level = own;
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  if (!document.title || !page.lang) wrong.push("no title or language");
  for (const table of document.querySelectorAll("table")) {
    if (!table.caption || !table.caption.textContent.trim()) wrong.push("a table without a caption");
    for (const cell of table.querySelectorAll("th")) if (!cell.scope) wrong.push(`${name(cell)} has no scope`);
    for (const row of table.rows) if (row.cells.length !== table.rows[0].cells.length) wrong.push(`${name(row)}: cells are missing`);
    const box = table.closest(".scroll");
    if (box && box.scrollWidth > box.clientWidth && table.rows[0].cells.length < 6) wrong.push(`${name(table.caption)}: ${box.scrollWidth} pixels on ${box.clientWidth}`);
    if (!box) wrong.push("a table that cannot scroll by itself");
    else if (box.tabIndex !== 0 || !document.getElementById(box.getAttribute("aria-labelledby"))) wrong.push("a scrolling table that the keyboard cannot reach, or without a name");
  }
  const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
  if (new Set(ids).size !== ids.length) wrong.push("an id twice");
  for (const link of document.querySelectorAll("a")) if (!document.querySelector(link.getAttribute("href"))) wrong.push(`${name(link)} leads nowhere`);
  for (const plot of document.querySelectorAll("svg:not([aria-hidden])")) {
    if (plot.getAttribute("role") !== "img" || !plot.querySelector("title")?.textContent.trim()) wrong.push("a plot without words");
    const frame = plot.getBoundingClientRect();
    const texts = [...plot.querySelectorAll("text")];
    for (const text of texts) {
      const box = text.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) wrong.push(`${name(text)} leaves its plot`);
      if (parseFloat(getComputedStyle(text).fontSize) * frame.width / plot.viewBox.baseVal.width < 9) wrong.push(`${name(text)} is too small to read`);
    }
    for (let i = 0; i < texts.length; i++) for (let j = i + 1; j < texts.length; j++) {
      const a = texts[i].getBoundingClientRect(), b = texts[j].getBoundingClientRect();
      if (a.left + 1 < b.right && b.left + 1 < a.right && a.top + 4 < b.bottom && b.top + 4 < a.bottom) wrong.push(`${name(texts[i])} lies on ${name(texts[j])}`);
    }
  }
  const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = colour => {
    const [r, g, b] = rgb(colour).slice(0, 3).map(value => value / 255).map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return getComputedStyle(at).backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const seen = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const style = getComputedStyle(element);
    const written = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const drawn = /^(polyline|circle|rect)$/.test(element.tagName);
    const colours = element.tagName === "text" ? [style.fill] : drawn ? [style.stroke, style.fill] : written && !element.closest("svg") ? [style.color] : [];
    for (const colour of colours) {
      if (!/^rgb/.test(colour) || element.matches(".paper")) continue;
      const ratio = contrast(colour, ground(element));
      const complaint = `${element.tagName} ${colour} on ${ground(element)}: contrast ${ratio.toFixed(1)}`;
      if (ratio < (drawn ? 3 : 4.5) && !seen.has(complaint)) { seen.add(complaint); wrong.push(complaint); }
    }
  }
  return JSON.stringify(wrong);
})()
"""


class Browser:
    """A Chromium that is told what to do in JSON, a message after the other, each ended by a zero byte."""

    def __init__(self, program, folder):
        down, self.orders = os.pipe()
        self.answers, up = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        command = 'exec "$0" "$@" 3<&%d 4>&%d' % (down, up)
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking",
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
        ]
        self.process = subprocess.Popen(
            ["bash", "-c", command, program, *options, "about:blank"],
            pass_fds=[down, up],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(down)
        os.close(up)
        self.number, self.rest, self.events, self.session = 0, b"", [], None

    def read(self):
        while b"\0" not in self.rest:
            if not select.select([self.answers], [], [], PATIENCE)[0]:
                raise RuntimeError(f"Chromium did not answer in {PATIENCE} seconds")
            more = os.read(self.answers, 1 << 16)
            if not more:
                raise RuntimeError("Chromium ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def do(self, method, **parameters):
        self.number += 1
        order = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.orders, json.dumps(order).encode() + b"\0")
        while True:
            message = self.read()
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.read())

    def open(self, path):
        """A tab with the page, and the events until it is loaded."""
        self.session, self.events = None, []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log", "Network":
            self.do(domain + ".enable")
        self.events = []
        self.do("Page.navigate", url=path.resolve().as_uri())
        self.wait_for("Page.loadEventFired")

    def close(self):
        self.session = None
        try:
            self.do("Browser.close")
            self.process.wait(timeout=20)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def complaints_of_events(events, page):
    for event in events:
        details = event.get("params", {})
        if event.get("method") == "Runtime.consoleAPICalled":
            yield f"console: {details['args']}"
        elif event.get("method") == "Runtime.exceptionThrown":
            yield f"exception: {details['exceptionDetails']['text']}"
        elif event.get("method") == "Log.entryAdded":
            yield f"log: {details['entry']['text']}"
        elif event.get("method") == "Network.requestWillBeSent" and details["request"]["url"] != page.resolve().as_uri():
            yield f"request: {details['request']['url']}"


def look_at(browser, page, pictures):
    complaints = []
    browser.open(page)
    for device, width in WIDTHS.items():
        browser.do("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        for scheme in "light", "dark":
            browser.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            answer = browser.do("Runtime.evaluate", expression=QUESTIONS, returnByValue=True)
            if "exceptionDetails" in answer:
                raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
            complaints += [f"{device}, {scheme}: {text}" for text in json.loads(answer["result"]["value"])]
            shot = browser.do("Page.captureScreenshot", format="png", captureBeyondViewport=True)
            picture = base64.b64decode(shot["data"])
            if len(picture) < 10000:  # an empty page
                complaints.append(f"{device}, {scheme}: a picture of {len(picture)} bytes")
            if pictures:
                (pictures / f"{page.stem}_{device}_{scheme}.png").write_bytes(picture)
    printed = base64.b64decode(browser.do("Page.printToPDF", printBackground=False)["data"])
    if pictures:
        (pictures / f"{page.stem}.pdf").write_bytes(printed)
    if not printed.startswith(b"%PDF"):
        complaints.append("it does not print")
    return complaints + list(complaints_of_events(browser.events, page))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    arguments = parser.parse_args()
    program = shutil.which("chromium")
    if program is None:
        print("skipped: no chromium")
        return 77
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    failures = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        try:
            browser.do("Browser.getVersion")
        except (RuntimeError, OSError) as error:
            print(f"skipped: {program} does not start here: {error}")
            browser.close()
            return 77
        try:
            for page in arguments.pages:
                complaints = look_at(browser, page, arguments.pictures)
                failures += len(complaints)
                for complaint in complaints:
                    print(f"{page.name}: {complaint}")
        finally:
            browser.close()
    print(f"{len(arguments.pages)} pages looked at, {failures} complaints")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
