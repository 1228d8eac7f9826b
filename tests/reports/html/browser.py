"""A headless Chromium that shows pages, and what it asks the network for."""

import importlib.util
import json
import os
import shutil
import time
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = (
    "selenium is not installed: pip install 'fxflops[browser]'"
    if importlib.util.find_spec("selenium") is None
    else "Chromium and its driver are not installed: apt install chromium chromium-driver"
    if CHROMIUM is None or DRIVER is None
    else ""
)
needs_browser = pytest.mark.skipif(bool(MISSING), reason=MISSING)


class Browser:
    """One window; ``requests`` are the addresses that its page has asked for."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path, fragment="", *, width=1280, height=900, dark=False):
        self.size(width, height)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get("about:blank")
        for kind in ("performance", "browser"):
            self.driver.get_log(kind)
        self.driver.get(f"file://{path}{fragment}")

    def size(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script, *arguments):
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def picture(self, path, *, whole=True):
        if whole:
            height = self.run("return document.documentElement.scrollHeight")
            width = self.run("return innerWidth")
            self.size(width, height)
            time.sleep(0.3)
        self.driver.save_screenshot(str(path))

    @property
    def requests(self):
        entries = [
            json.loads(line["message"])["message"] for line in self.driver.get_log("performance")
        ]
        return [
            entry["params"]["request"]["url"]
            for entry in entries
            if entry["method"] == "Network.requestWillBeSent"
        ]

    @property
    def complaints(self):
        return [line["message"] for line in self.driver.get_log("browser")]


@contextmanager
def browser():
    """A browser that is closed at the end."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    words = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words.append("--no-sandbox")  # which root has none of
    for word in words:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
