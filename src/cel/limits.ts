/**
 * What a condition may cost. Its text comes from many teams, and what it reads comes from whoever sends a request, so each
 * bound holds for every input.
 */

/** Longer than any condition a person can review; bounds the work of reading one. */
export const textLengthMax = 4096;

/** The policy document of a service holds hundreds of conditions and travels to every host that runs it. */
export const nodeCountMax = 1000;

/** Reader, checker and compiler recurse once a level; a stack has room for thousands. */
export const nestingMax = 60;

/**
 * The work of one evaluation: a turn of a macro, an element compared and `charactersPerStep` characters looked at are a step
 * each. The desk answers one question at a time, so this is how long one request may hold up the others: about a millisecond.
 */
export const stepsMax = 10_000;
export const charactersPerStep = 64;

/** Twice what Envoy takes as headers of one request: no value that was read is longer, only one that was put together. */
export const stringLengthMax = 131_072;

/** As many elements as there are steps: a longer list could not be walked. */
export const listLengthMax = stepsMax;

/** RE2 instructions of one pattern. Time and memory of a match grow with it; `[a-z]{1,63}` takes about 130. */
export const regexInstructionsMax = 500;

/** A formatter of a time zone takes about 30 KB; a mesh spans fewer zones than this. */
export const zonesMax = 64;
