/**
 * Node's own HTTP, not imported: as modules they bring all of undici with them, 16 MB and 30 ms of every agent that nothing
 * here uses.
 */
export const http = process.getBuiltinModule('node:http');
export const https = process.getBuiltinModule('node:https');
