import { constants } from 'node:crypto';

/**
 * Of a listener's TLS: every connection shows its certificate anew. With a ticket a peer would come back on one that has
 * run out since, and tickets that hold the whole chain are a tenth of what a handshake costs.
 */
export const freshHandshakes = {
  minVersion: 'TLSv1.3',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const;
