/** The files of a mesh, as a commit would have them. */
export type Files = Record<string, string>;
export type Change = (files: Files) => void;

/** A commit of which one of the kinds is made. */
export interface Attempt {
  readonly kind: string;
  readonly change: Change;
}

export function edit(file: string, from: string | RegExp, to: string): Change {
  return (files) => {
    const text = files[file] ?? '';
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`the edit of ${file} from ${from} changes nothing`);
    files[file] = changed;
  };
}

export function append(file: string, text: string): Change {
  return (files) => {
    files[file] = (files[file] ?? '') + text;
  };
}

export function all(...changes: readonly Change[]): Change {
  return (files) => {
    for (const change of changes) change(files);
  };
}

export function remove(...names: readonly string[]): Change {
  return (files) => {
    for (const name of names) delete files[name];
  };
}

/** Each kind with its variants, in the order of the table. */
export function attemptsOf(kinds: Readonly<Record<string, readonly Change[]>>): readonly Attempt[] {
  return Object.entries(kinds).flatMap(([kind, changes]) =>
    changes.map((change) => ({ kind, change })),
  );
}
