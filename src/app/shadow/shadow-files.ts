import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { ChanceryError } from '../../base/error.ts';
import { shadowFilesBytesMax } from '../../serve/api/routes.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Of files as they are; what says more in less is no intent. */
const plainBytesMax = 64 * 1024 * 1024;

type Files = ReadonlyMap<string, string>;

/** As they lie in the store. */
export async function packFiles(files: Files): Promise<Buffer> {
  return compress(Buffer.from(JSON.stringify([...files])));
}

/** Undefined: they are no files that were packed, or too many. */
export async function unpackFiles(packed: Uint8Array): Promise<Files | undefined> {
  try {
    const plain = await decompress(packed, { maxOutputLength: plainBytesMax });
    const read: unknown = JSON.parse(plain.toString('utf8'));
    return Array.isArray(read) && read.every(isFile) ? new Map(read) : undefined;
  } catch {
    return undefined;
  }
}

function isFile(value: unknown): value is readonly [string, string] {
  return (
    Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === 'string')
  );
}

/** As they are sent. Errors: CH4242, they are too large for that. */
export async function filesToSend(files: Files): Promise<string> {
  const text = (await packFiles(files)).toString('base64');
  if (text.length <= shadowFilesBytesMax) return text;
  throw new ChanceryError({
    code: 'CH4242',
    message: 'the control plane does not hold the commit, and its files are too large to be sent',
    expected: `at most ${shadowFilesBytesMax} bytes, packed`,
    found: `${text.length} bytes`,
    help: 'push the branch to the repository that the control plane reads',
  });
}
