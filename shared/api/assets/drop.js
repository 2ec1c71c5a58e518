// Reads a file that is dropped on the form, or chosen, into its text. Without this script one pastes.
(function () {
  'use strict';
  var zone = document.getElementById('drop');
  var text = document.getElementById('text');
  var chooser = document.getElementById('file');
  if (!zone || !text || !chooser) return;
  var most = 512 * 1024;

  function take(file) {
    if (!file) return;
    if (file.size > most) {
      document.getElementById('found').textContent = file.name + ' is larger than 512 KiB: that is no workflow file.';
      return;
    }
    file.text().then(function (content) {
      text.value = content;
      text.dispatchEvent(new Event('input', { bubbles: true }));
      text.focus();
    });
  }

  chooser.closest('[hidden]').hidden = false;
  chooser.addEventListener('change', function () { take(chooser.files[0]); });
  ['dragenter', 'dragover'].forEach(function (name) {
    zone.addEventListener(name, function (event) {
      event.preventDefault();
      zone.classList.add('over');
    });
  });
  ['dragleave', 'drop'].forEach(function (name) {
    zone.addEventListener(name, function (event) {
      event.preventDefault();
      zone.classList.remove('over');
    });
  });
  zone.addEventListener('drop', function (event) { take(event.dataTransfer.files[0]); });
})();
