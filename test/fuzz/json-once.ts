/** A value of JSON; objects are maps, so that no name of a member means anything else. */
export type JsonOnce =
  | null
  | boolean
  | number
  | string
  | readonly JsonOnce[]
  | ReadonlyMap<string, JsonOnce>;

/** Undefined for what is not JSON (RFC 8259), or names a member twice in one object: for comparison with our reader. */
export function parseJsonOnce(text: string): JsonOnce | undefined {
  // A lone surrogate becomes another character on the wire; what is read there is what counts.
  const reader = new Reader(Buffer.from(text).toString('utf8'));
  try {
    return reader.whole();
  } catch (error) {
    if (error instanceof NotJson) return undefined;
    throw error;
  }
}

class NotJson extends Error {}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): JsonOnce {
    const value = this.#value();
    if (this.#at < this.#text.length) throw new NotJson();
    return value;
  }

  #value(): JsonOnce {
    this.#take(/[ \t\r\n]*/y);
    const value = this.#bare();
    this.#take(/[ \t\r\n]*/y);
    return value;
  }

  #bare(): JsonOnce {
    if (this.#is('{')) return this.#object();
    if (this.#is('[')) return this.#list();
    const plain =
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a string of JSON holds none of them.
      this.#take(/"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y) ??
      this.#take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y) ??
      this.#take(/true|false|null/y);
    if (plain === undefined) throw new NotJson();
    // One scalar: nothing about it can be said twice.
    return JSON.parse(plain) as JsonOnce;
  }

  #object(): JsonOnce {
    const members = new Map<string, JsonOnce>();
    this.#take(/[ \t\r\n]*/y);
    if (this.#is('}')) return members;
    do {
      const name = this.#value();
      if (typeof name !== 'string' || members.has(name) || !this.#is(':')) throw new NotJson();
      members.set(name, this.#value());
    } while (this.#is(','));
    if (!this.#is('}')) throw new NotJson();
    return members;
  }

  #list(): JsonOnce {
    const items: JsonOnce[] = [];
    this.#take(/[ \t\r\n]*/y);
    if (this.#is(']')) return items;
    do items.push(this.#value());
    while (this.#is(','));
    if (!this.#is(']')) throw new NotJson();
    return items;
  }

  #is(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.#text) ?? [];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
