"use strict";

/* The dialog for the name and the room. */
class Settings {
  #dialog = element("settings");
  #save;

  /* save(name, room): called with valid values. */
  constructor(save) {
    this.#save = save;
    element("settings-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    element("cancel").addEventListener("click", () => this.#dialog.close());
  }

  /* Opens the dialog with the current values and the focus on the field "name" or "room". */
  open({ name, isNameFixed, isSignedIn }, room, field) {
    element("name").value = name;
    element("name").readOnly = isNameFixed;
    element("name-hint").hidden = !isNameFixed;
    // A token may allow some rooms only.
    element("room-hint").hidden = isSignedIn;
    element("room").value = room;
    for (const each of ["name", "room"]) this.#showError(each, "");
    this.#dialog.showModal();
    const first = element(isNameFixed ? "room" : field);
    first.focus();
    first.select();
  }

  #submit() {
    const name = cleanName(element("name").value);
    const room = element("room").value.trim() || DEFAULT_ROOM;
    this.#showError("name", name ? "" : "Enter a name.");
    this.#showError("room", ROOM.test(room) ? "" : ROOM_RULE);
    const invalid = this.#dialog.querySelector("[aria-invalid]");
    if (invalid) return invalid.focus();
    this.#dialog.close();
    this.#save(name, room);
  }

  #showError(field, text) {
    element(`${field}-error`).textContent = text;
    if (text) element(field).setAttribute("aria-invalid", "true");
    else element(field).removeAttribute("aria-invalid");
  }
}
