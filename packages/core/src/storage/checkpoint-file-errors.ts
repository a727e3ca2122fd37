import { StateError } from "../errors/index.js";

/** A file that a checkpoint names; goes into an error's details. */
export interface NamedFile {
  readonly name: string;
  readonly path: string;
}

export function fileMissing(file: NamedFile): StateError {
  const message = `${file.path} is not there although a checkpoint needs it: use another checkpoint`;
  return new StateError("CHECKPOINT_FILE_MISSING", message, { details: { ...file } });
}

/** `problem` begins with the path. */
export function fileDamaged(problem: string, file: NamedFile): StateError {
  const message = `${problem}: restore it from a copy or use another checkpoint`;
  return new StateError("CHECKPOINT_FILE_DAMAGED", message, { details: { ...file } });
}
