/** One git command: local plumbing answers in milliseconds; a disk in trouble must not hang the mesh. */
export const gitTimeoutMs = 10_000;

/** What one git command may say on stderr before the rest is dropped: enough for any message. */
export const gitErrorBytesMax = 16 * 1024;

/** Files of one intent folder: one a service, thousands of services, with room to grow. */
export const intentFilesMax = 10_000;

/** One intent file. The largest hand-written ones are a few dozen KiB. */
export const intentFileBytesMax = 512 * 1024;

/** All intent files together; they are held in memory as text during a compile. */
export const intentBytesMax = 64 * 1024 * 1024;

/** The listing of the folder, also counting files that are no intent and are passed over. */
export const listingBytesMax = 8 * 1024 * 1024;

/** A commit object: its message may be long, but no person wrote more than this. */
export const commitBytesMax = 1024 * 1024;

/** A subject line as shown in terminals and the ledger. */
export const subjectCharactersMax = 200;

/** HEAD or a loose ref: a name or an id and a line end. */
export const refFileBytesMax = 4096;

/** A `packed-refs` file; about 70 bytes a ref, so some 200,000 refs. */
export const packedRefsBytesMax = 16 * 1024 * 1024;

/** One fetch or push: a first fetch over a slow line; a remote that hangs must not keep us from the next try. */
export const fetchTimeoutMs = 120_000;

/** The whole mirror. A thousand services are some 10 MB; more is a repository that is not about the mesh. */
export const mirrorBytesMax = 1024 * 1024 * 1024;

/** Commits whose signatures are checked at once; each costs two processes, some 10 ms. */
export const signedCommitsMax = 1_000;

/** All signatures of one push. */
export const signaturesTimeoutMs = 60_000;

/** What git says of that many signatures: an id, a letter, two fingerprints and a name each. */
export const signaturesBytesMax = 1024 * 1024;

/** A token, a webhook secret: a line or two. */
export const secretFileBytesMax = 16 * 1024;
