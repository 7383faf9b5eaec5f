import { paint, type Terminal } from './terminal.ts';

/** What takes longer than a person takes for granted says what it is at. */
const silentMs = 1_000;

/** The outcome of `work`, and a line about it once it takes over a second. */
export async function whileWaiting<Value>(
  terminal: Terminal,
  text: string,
  work: Promise<Value>,
): Promise<Value> {
  const timer = setTimeout(() => terminal.err(paint(terminal, 'dim', text)), silentMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
