// Shows how far an upload has come. Without this script the form is simply sent.
"use strict";

for (const form of document.querySelectorAll("form[data-upload]")) {
  const input = form.querySelector("input[type=file]");
  const box = form.querySelector("[data-progress]");
  const bar = form.querySelector("progress");
  const status = form.querySelector("[data-status]");
  const button = form.querySelector("button[type=submit]");

  for (const kind of ["dragover", "dragleave", "drop"]) {
    input.addEventListener(kind, () => input.classList.toggle("over", kind === "dragover"));
  }

  function failed(message) {
    status.textContent = message;
    button.disabled = false;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    let announced = 0;
    request.upload.addEventListener("progress", (progress) => {
      if (!progress.lengthComputable) return;
      const percent = Math.floor((100 * progress.loaded) / progress.total);
      bar.value = percent;
      // A screen reader hears every quarter, not every packet.
      if (percent >= announced + 25 || percent === 100) {
        announced = percent;
        status.textContent = percent < 100 ? `${percent} percent sent` : "Sent. Reading the file…";
      }
    });
    request.addEventListener("load", () => {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const main = page.querySelector("main");
      if (request.status < 400) {
        window.location.assign(request.responseURL);
      } else if (main) {
        document.title = page.title;
        document.querySelector("main").replaceWith(main);
        (main.querySelector("[role=alert]") || main).focus();
      } else {
        failed("The file could not be sent. Try again.");
      }
    });
    request.addEventListener("error", () =>
      failed("The connection broke. Nothing was lost: send the file again."));
    box.hidden = false;
    bar.value = 0;
    status.textContent = "Sending…";
    button.disabled = true;
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
}
