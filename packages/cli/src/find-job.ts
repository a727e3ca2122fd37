import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { StateError } from "@tidemark/core/state";
import { isSafeName, type FileSystem, type JobPlace } from "@tidemark/core/storage";
import { UsageError } from "./command-result.js";

/**
 * The job that a command means: `directory` is a job's own directory or one that holds those of several jobs. Throws UsageError when
 * it is not there or `job` must be given, FOREIGN_DIRECTORY when no checkpoints are in it, IO.
 */
export async function findJob(fileSystem: FileSystem, directory: string, job: string | undefined): Promise<JobPlace> {
  const path = await realDirectory(fileSystem, directory);
  if (await isJobDirectory(fileSystem, path)) {
    if (job !== undefined && job !== basename(path)) {
      const owner = basename(path);
      throw new UsageError(`${path} is the directory of job "${owner}", not of "${job}": leave out --job or give another directory`);
    }
    return { directory: dirname(path), job: basename(path), fileSystem };
  }
  const jobs = await jobsIn(fileSystem, path);
  if (job !== undefined) {
    if (!jobs.includes(job)) {
      throw new UsageError(`${path} has no job "${job}"; ${jobs.length === 0 ? "it has none at all" : `there is: ${jobs.join(", ")}`}`);
    }
    return { directory: path, job, fileSystem };
  }
  const [only] = jobs;
  if (only === undefined) {
    throw new StateError(
      "FOREIGN_DIRECTORY",
      `${path} holds no checkpoints: give the directory that the job has as checkpoint.directory, or the job's directory in it`,
    );
  }
  if (jobs.length > 1) {
    throw new UsageError(`${path} holds several jobs: choose one with --job (${jobs.join(", ")})`);
  }
  return { directory: path, job: only, fileSystem };
}

/** Links are followed here, and only here: this path was given by the person who called. */
async function realDirectory(fileSystem: FileSystem, directory: string): Promise<string> {
  if (directory === "") {
    throw new UsageError("the directory is empty: give a path");
  }
  let path: string;
  try {
    path = await realpath(resolve(directory));
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    if (errno === "ENOENT" || errno === "ENOTDIR") {
      throw new UsageError(`${resolve(directory)} does not exist`);
    }
    throw new StateError("IO", `cannot look at ${resolve(directory)}: ${String(errno)}`, { cause: error });
  }
  if ((await fileSystem.stat(path))?.kind !== "directory") {
    throw new UsageError(`${path} is not a directory`);
  }
  return path;
}

async function jobsIn(fileSystem: FileSystem, path: string): Promise<string[]> {
  const jobs: string[] = [];
  let denied: unknown;
  for (const { name, kind } of await fileSystem.list(path)) {
    if (kind === "directory" && isSafeName(name)) {
      try {
        if (await isJobDirectory(fileSystem, join(path, name))) jobs.push(name);
      } catch (error) {
        denied ??= error;
      }
    }
  }
  // A directory that may not be read may be somebody else's and must not hide the others.
  if (jobs.length === 0 && denied !== undefined) {
    throw denied;
  }
  return jobs;
}

/** By its description, or by the parts beside it where that is lost: then the storage says what is wrong. */
async function isJobDirectory(fileSystem: FileSystem, path: string): Promise<boolean> {
  const entries = new Map((await fileSystem.list(path)).map(({ name, kind }) => [name, kind]));
  const description = entries.get("job.json");
  return (description !== undefined && description !== "directory") || (entries.get("commits") === "directory" && entries.has("shared"));
}
