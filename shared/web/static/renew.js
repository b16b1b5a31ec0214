// Brings a page up to date while something on it is still being worked on. Without this script a link does it.
"use strict";

const SECONDS_BETWEEN = 3;

async function renew() {
  let page = null;
  try {
    const answer = await fetch(window.location.href);
    if (answer.ok && !answer.redirected) {
      page = new DOMParser().parseFromString(await answer.text(), "text/html");
    }
  } catch {
    // The connection broke for a moment: the next try may find it again.
  }
  const fresh = page && page.querySelector("[data-renewed]");
  const shown = document.querySelector("[data-renewed]");
  // What somebody is reading or standing on is left alone: only what has changed is replaced.
  if (fresh && fresh.innerHTML !== shown.innerHTML && !shown.contains(document.activeElement)) {
    shown.replaceWith(fresh);
  }
  if (document.querySelector("[data-renew]")) window.setTimeout(renew, 1000 * SECONDS_BETWEEN);
}

window.setTimeout(renew, 1000 * SECONDS_BETWEEN);
