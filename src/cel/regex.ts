import { createRequire } from 'node:module';
import type * as engine from '@bufbuild/re2';
import { err, ok, type Result } from '../base/result.ts';
import { type CelAnswer, type CelFrame, tooLong } from './frame.ts';
import { regexInstructionsMax } from './limits.ts';

/**
 * Matching in linear time: JavaScript's own expressions go back and try again, so that one header could hold up a desk for
 * years. The syntax is read and compiled by an RE2, the program is run here: the library's automaton keeps up to 10,000 states
 * of a kilobyte for each pattern, and whoever sends the text chooses how many (about 50 µs for each character of a hostile one).
 */
type CelRegex = (text: string, frame: CelFrame) => CelAnswer;

/** As many steps of one instruction on one character count as one step of an evaluation. */
const workPerStep = 256;

/** Rarely used and 170 KB, so loaded when the first pattern is compiled. */
let loaded: typeof engine | undefined;

function load(): typeof engine {
  loaded ??= createRequire(import.meta.url)('@bufbuild/re2') as typeof engine;
  return loaded;
}

export function compileRegex(pattern: string): Result<CelRegex, string> {
  const { RE2JS } = load();
  try {
    const { prog } = RE2JS.compile(pattern).re2();
    const count = prog.numInst();
    if (count > regexInstructionsMax)
      return err(`it takes ${count} instructions, at most ${regexInstructionsMax} are allowed`);
    const program = Array.from({ length: count }, (_, at) => prog.getInst(at));
    return ok(matcher(program, prog.start));
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

/** Operations of RE2's program, as `Inst` of the library numbers them. */
const op = { alt: 1, altMatch: 2, capture: 3, emptyWidth: 4, fail: 5, match: 6, nop: 7 } as const;

type Instruction = ReturnType<ReturnType<engine.RE2JS['re2']>['prog']['getInst']>;

/** Instructions that wait for the next character; each at most once, however many ways lead to it. */
interface Threads {
  readonly waiting: Uint16Array;
  count: number;
  readonly seenAt: Int32Array;
}

interface Machine {
  readonly program: readonly Instruction[];
  readonly start: number;
  readonly now: Threads;
  readonly next: Threads;
  readonly stack: Uint16Array;
}

function matcher(program: readonly Instruction[], start: number): CelRegex {
  const machine: Machine = {
    program,
    start,
    now: threads(program.length),
    next: threads(program.length),
    stack: new Uint16Array(program.length * 2 + 2),
  };
  return (text, frame) => {
    frame.stepsLeft -= 1 + (text.length * program.length) / workPerStep;
    return frame.stepsLeft < 0 ? tooLong : isMatch(machine, text);
  };
}

function threads(size: number): Threads {
  return { waiting: new Uint16Array(size), count: 0, seenAt: new Int32Array(size) };
}

/** Whether the pattern is found anywhere, as `matches` of CEL asks. */
function isMatch(machine: Machine, text: string): boolean {
  let { now, next } = machine;
  now.seenAt.fill(-1);
  next.seenAt.fill(-1);
  now.count = 0;
  let before = -1;
  for (let at = 0; ; ) {
    const rune = text.codePointAt(at) ?? -1;
    if (follow(machine, now, machine.start, at, surroundings(before, rune))) return true;
    if (rune < 0) return false;
    const width = rune > 0xffff ? 2 : 1;
    const around = surroundings(rune, text.codePointAt(at + width) ?? -1);
    next.count = 0;
    for (let index = 0; index < now.count; index += 1) {
      const instruction = machine.program[now.waiting[index] ?? 0];
      if (instruction === undefined || !instruction.matchRune(rune)) continue;
      if (follow(machine, next, instruction.out, at + width, around)) return true;
    }
    [now, next] = [next, now];
    before = rune;
    at += width;
  }
}

/** Adds what can be reached without a character; true when that is the end of the pattern. */
function follow(
  { program, stack }: Machine,
  threads: Threads,
  from: number,
  at: number,
  around: number,
): boolean {
  let depth = 0;
  stack[depth++] = from;
  while (depth > 0) {
    const pc = stack[--depth] ?? 0;
    if (threads.seenAt[pc] === at) continue;
    threads.seenAt[pc] = at;
    const instruction = program[pc];
    switch (instruction?.op) {
      case undefined:
      case op.fail:
        break;
      case op.match:
        return true;
      case op.alt:
      case op.altMatch:
        stack[depth++] = instruction?.arg ?? 0;
        stack[depth++] = instruction?.out ?? 0;
        break;
      case op.capture:
      case op.nop:
        stack[depth++] = instruction?.out ?? 0;
        break;
      case op.emptyWidth:
        if (((instruction?.arg ?? 0) & ~around) === 0) stack[depth++] = instruction?.out ?? 0;
        break;
      default:
        threads.waiting[threads.count++] = pc;
    }
  }
  return false;
}

/** What holds between two characters, in the bits of RE2: ^ and $ of a line, of the text, \b and \B. -1 is an end. */
function surroundings(before: number, after: number): number {
  const lineStart = before < 0 || before === 0x0a ? 1 : 0;
  const lineEnd = after < 0 || after === 0x0a ? 2 : 0;
  const textStart = before < 0 ? 4 : 0;
  const textEnd = after < 0 ? 8 : 0;
  const boundary = isWord(before) !== isWord(after) ? 16 : 32;
  return lineStart | lineEnd | textStart | textEnd | boundary;
}

function isWord(rune: number): boolean {
  return (
    (rune >= 0x61 && rune <= 0x7a) ||
    (rune >= 0x41 && rune <= 0x5a) ||
    (rune >= 0x30 && rune <= 0x39) ||
    rune === 0x5f
  );
}
