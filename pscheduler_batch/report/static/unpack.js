// Unpacks the data of a page: base64 of what was deflated. Returns a Response, which has text(), json() and blob().
"use strict";
async function unpack(element) {
  const packed = atob(element.textContent);
  const bytes = new Uint8Array(packed.length);
  for (let n = 0; n < packed.length; n += 1) bytes[n] = packed.charCodeAt(n);
  try {
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")));
  } catch (error) {
    document.getElementById("not-unpacked").hidden = false;
    throw error;
  }
}
addEventListener("unhandledrejection", () => { document.getElementById("not-unpacked").hidden = false; });
