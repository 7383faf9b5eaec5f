import type { Http2Session } from 'node:http2';

/**
 * Ends a session whose peer leaves a ping unanswered for `pingMs`: a peer that lost its network never says so, and
 * its streams would be held for hours.
 */
export function keepAlive(session: Http2Session, pingMs: number): void {
  let unanswered = false;
  const timer = setInterval(() => {
    if (unanswered) {
      session.destroy();
      return;
    }
    unanswered = true;
    session.ping(() => {
      unanswered = false;
    });
  }, pingMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}
