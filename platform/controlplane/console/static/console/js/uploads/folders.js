// The files of what was dropped or chosen, those in folders included: [{file, path}].

export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosenFiles(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found, entry.isDirectory);
  return found;
}

export function chosenFiles(files) {
  const found = [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
  return found.filter(({ file }) => !file.webkitRelativePath || !isHidden(file.name));
}

async function walk(entry, found, inFolder) {
  if (inFolder && isHidden(entry.name)) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const one of some) await walk(one, found, true);
  }
}

// .DS_Store, Thumbs.db and their like come with folders, and nobody means them.
function isHidden(name) {
  return name.startsWith(".") || name.startsWith("~$") || name === "Thumbs.db" || name === "desktop.ini";
}
