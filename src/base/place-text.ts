/** Such as `services/web.yaml:12`. What is in no file, such as `breakglass:4f2a91c0`, has a name and no lines. */
export function placeText({
  file,
  line,
}: {
  readonly file: string;
  readonly line: number;
}): string {
  return noFile.test(file) ? file : `${fileText(file)}:${line}`;
}

/** In one line: a name that Git holds may have line ends, and what follows one would look like words of ours. */
export function fileText(file: string): string {
  return file.replace(/[\n\r]/g, (end) => (end === '\n' ? '\\n' : '\\r'));
}

/** A path of the intent holds no colon before its first slash. */
const noFile = /^[a-z]+:/;
