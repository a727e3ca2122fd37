const blockBytes = 512;

/** A file of a tar archive. */
export interface TarEntry {
  readonly name: string;
  readonly content: Uint8Array;
}

/** The files of an npm package's archive, in its order. Throws when the archive is cut off. */
export function* tarEntries(archive: Uint8Array): Generator<TarEntry, void, undefined> {
  for (let position = 0; position + blockBytes <= archive.length && archive[position] !== 0; ) {
    const header = archive.subarray(position, position + blockBytes);
    const sizeBytes = Number.parseInt(text(header, 124, 12), 8);
    const start = position + blockBytes;
    if (!(start + sizeBytes <= archive.length)) throw new Error(`the archive ends inside of the file at byte ${position}`);
    const [prefix, name, kind] = [text(header, 345, 155), text(header, 0, 100), text(header, 156, 1)];
    const path = prefix === "" ? name : `${prefix}/${name}`;
    if (kind === "0" || kind === "") yield { name: path, content: archive.subarray(start, start + sizeBytes) };
    position = start + Math.ceil(sizeBytes / blockBytes) * blockBytes;
  }
}

/** A field of a header; it ends with its first zero byte. */
function text(header: Uint8Array, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return String.fromCharCode(...(end < 0 ? field : field.subarray(0, end)));
}
