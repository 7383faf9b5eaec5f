import { messageOf } from '../base/error.ts';

interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/**
 * Whoever reads what we write may leave first (`| head -1`), and a disk may be full; without a listener either would end the
 * process in the middle of its work. What nobody reads any more goes on to its own end and exit code, but for what would
 * write until it is told to stop: that is told. Results that could not be written are a failure.
 */
export function outliveReaders(
  { stdout, stderr }: Streams,
  { stop, failed }: { readonly stop: () => void; readonly failed: () => void },
): void {
  stderr.on('error', () => {});
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      stop();
      return;
    }
    failed();
    stderr.write(`error[CH5005]: the system refuses: ${messageOf(error)}\n`);
  });
}

/** As `outliveReaders`, for this process. */
export function outliveOwnReaders(): void {
  let isLost = false;
  outliveReaders(process, {
    // Nobody hears it but a command that ends in order at a signal.
    stop: () => void process.emit('SIGTERM', 'SIGTERM'),
    failed: () => {
      isLost = true;
    },
  });
  process.on('exit', () => {
    if (isLost) process.exitCode = 1;
  });
}
