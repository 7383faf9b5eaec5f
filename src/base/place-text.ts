/** Such as `services/web.yaml:12`. What is in no file, such as `breakglass:4f2a91c0`, has a name and no lines. */
export function placeText({
  file,
  line,
}: {
  readonly file: string;
  readonly line: number;
}): string {
  return noFile.test(file) ? file : `${file}:${line}`;
}

/** A path of the intent holds no colon before its first slash. */
const noFile = /^[a-z]+:/;
