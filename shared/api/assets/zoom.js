// Zoom and pan of drawings: buttons, the wheel with Ctrl, dragging, and + - 0 on the keyboard. Without this script a drawing scrolls.
(function () {
  'use strict';
  var least = 0.1, most = 4;
  var scale = 1;
  var box = document.getElementById('drawing');
  if (!box) return;

  function picture() { return box.querySelector('svg'); }

  function size(svg) {
    var parts = (svg.getAttribute('viewBox') || '').split(/[ ,]+/);
    return { width: Number(parts[2]) || 1, height: Number(parts[3]) || 1 };
  }

  function show() {
    var svg = picture();
    if (!svg) return;
    var natural = size(svg);
    svg.setAttribute('width', String(natural.width * scale));
    svg.setAttribute('height', String(natural.height * scale));
  }

  // Keeps what is at x, y of the box where it is.
  function zoom(factor, x, y) {
    var next = Math.min(most, Math.max(least, scale * factor));
    var change = next / scale;
    scale = next;
    show();
    box.scrollLeft = (box.scrollLeft + x) * change - x;
    box.scrollTop = (box.scrollTop + y) * change - y;
  }

  function middle(factor) { zoom(factor, box.clientWidth / 2, box.clientHeight / 2); }

  function fit() {
    var svg = picture();
    if (!svg) return;
    var natural = size(svg);
    scale = Math.max(least, Math.min(1, box.clientWidth / natural.width, box.clientHeight / natural.height));
    show();
  }

  function whole() { scale = 1; show(); }

  var acts = { larger: function () { middle(1.25); }, smaller: function () { middle(0.8); }, fit: fit, whole: whole };
  document.querySelectorAll('[data-zoom]').forEach(function (button) {
    button.addEventListener('click', function () { acts[button.getAttribute('data-zoom')](); });
  });
  var bar = document.getElementById('zoom');
  if (bar) bar.hidden = false;

  box.addEventListener('keydown', function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    var act = { '+': acts.larger, '=': acts.larger, '-': acts.smaller, '0': whole, 'f': fit }[event.key];
    if (act) { act(); event.preventDefault(); }
  });

  box.addEventListener('wheel', function (event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    var frame = box.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1, event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });

  // A drag that moved is no click on what lies below.
  var held = null, moved = false;
  box.addEventListener('pointerdown', function (event) {
    if (event.button !== 0 || event.pointerType === 'touch') return;
    held = { x: event.clientX, y: event.clientY, left: box.scrollLeft, top: box.scrollTop };
    moved = false;
  });
  window.addEventListener('pointermove', function (event) {
    if (!held) return;
    var x = event.clientX - held.x, y = event.clientY - held.y;
    if (!moved && Math.abs(x) + Math.abs(y) < 5) return;
    moved = true;
    box.classList.add('moving');
    box.scrollLeft = held.left - x;
    box.scrollTop = held.top - y;
  });
  window.addEventListener('pointerup', function () {
    held = null;
    box.classList.remove('moving');
  });
  box.addEventListener('click', function (event) {
    if (moved) { event.preventDefault(); event.stopPropagation(); }
    moved = false;
  }, true);
  box.addEventListener('dragstart', function (event) { event.preventDefault(); });

  // What was exchanged is shown as large as what was there.
  document.body.addEventListener('htmx:afterSettle', function () { if (scale !== 1) show(); });
  var first = picture();
  if (first && size(first).width > box.clientWidth * 2.5) fit();
})();
