import type { Checked } from './check-handler.ts';

/** The answer to a question that waits for no record. */
export function atOnce(checked: Checked | Promise<Checked>): Checked {
  if (checked instanceof Promise) throw new Error('it waits for a record');
  return checked;
}
