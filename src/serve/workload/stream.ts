import type { CallStream } from '../grpc/call.ts';
import { GrpcError, grpcStatus } from '../grpc/status.ts';
import type { WorkloadSource, WorkloadView } from './source.ts';

/** Clients send it with every call, so that no browser and no proxy can be made to ask in a workload's name (rule W51). */
const securityHeader = 'workload.spiffe.io';

export function requireSecurityHeader(call: CallStream): void {
  if (call.headers[securityHeader] === 'true') return;
  throw new GrpcError(
    grpcStatus.invalidArgument,
    `security header missing from request: ${securityHeader}: true`,
  );
}

/**
 * Sends the caller's state now and after each change until the call ends. Each message is complete, so a slow reader
 * gets the newest and nothing is queued for it; what looks the same to it is not sent again. Loss of the identity ends
 * the call with PermissionDenied (rule W60), what passes by itself with Unavailable: clients come again after both.
 */
export function streamViews(
  call: CallStream,
  source: WorkloadSource,
  encode: (view: WorkloadView) => Uint8Array,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let last: Uint8Array | undefined;
    let next: Uint8Array | undefined;
    let blocked = false;
    const flush = (): void => {
      if (blocked || next === undefined) return;
      const message = next;
      last = message;
      next = undefined;
      if (call.write(message)) return;
      blocked = true;
      call.onDrain(() => {
        blocked = false;
        flush();
      });
    };
    let stop = (): void => {};
    const refuse = (code: 7 | 14, reason: string): void => {
      stop();
      reject(new GrpcError(code, reason));
    };
    stop = source.watch(call.peer, (update) => {
      switch (update.kind) {
        case 'view': {
          let message: Uint8Array;
          try {
            message = encode(update.view);
          } catch (error) {
            stop();
            return reject(error);
          }
          if (last !== undefined && Buffer.from(last).equals(message)) return;
          next = message;
          return flush();
        }
        case 'denied':
          return refuse(grpcStatus.permissionDenied, update.reason);
        case 'unavailable':
          return refuse(grpcStatus.unavailable, update.reason);
      }
    });
    call.onClose(() => {
      stop();
      resolve();
    });
  });
}

/** The caller's state once. Rejects as the stream does. */
export function onceView(call: CallStream, source: WorkloadSource): Promise<WorkloadView> {
  return new Promise((resolve, reject) => {
    let stop = (): void => {};
    let settled = false;
    const settle = (run: () => void): void => {
      if (settled) return;
      settled = true;
      // The first update may come before watch() returns.
      queueMicrotask(() => stop());
      run();
    };
    stop = source.watch(call.peer, (update) => {
      if (update.kind === 'view') return settle(() => resolve(update.view));
      const { kind, reason } = update;
      const code = kind === 'denied' ? grpcStatus.permissionDenied : grpcStatus.unavailable;
      settle(() => reject(new GrpcError(code, reason)));
    });
    call.onClose(() => settle(() => reject(new GrpcError(grpcStatus.cancelled, 'gone'))));
  });
}
