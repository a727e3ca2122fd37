import { spawn } from "node:child_process";
import { type ResultLine, WrongResultError, wrongResultExitCode } from "../question.js";

/** A program that measures: it prints lines of JSON and ends. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

const keptErrorCharacters = 4_000;

/** Runs a program to its end. Throws WrongResultError when it says that a result was wrong, Error with its last words when it failed. */
export function runMeasuringProcess(command: Command, label: string, signal: AbortSignal): Promise<ResultLine[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(command.program, command.args, { stdio: ["ignore", "pipe", "pipe"], signal, killSignal: "SIGKILL" });
    const output: string[] = [];
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-keptErrorCharacters);
    });
    child.on("error", (error) => reject(signal.aborted ? signal.reason : error));
    child.on("close", (code, killedBy) => {
      if (code === 0) {
        try {
          resolve(parseLines(output.join("")));
        } catch (error) {
          reject(new Error(`${label} printed what is no JSON`, { cause: error }));
        }
        return;
      }
      if (code === wrongResultExitCode) reject(new WrongResultError(`${label}: ${errors.trim()}`));
      else reject(new Error(`${label} ended with ${killedBy ?? `exit code ${code}`}\n${errors.trim()}`));
    });
  });
}

function parseLines(text: string): ResultLine[] {
  return text.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as ResultLine);
}
