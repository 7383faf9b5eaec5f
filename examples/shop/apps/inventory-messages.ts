import {
  decodeFields,
  encodeMessage,
  encodeNumber,
  encodeText,
  messagesOf,
  numberOf,
  textOf,
  textsOf,
} from './protobuf.ts';

/** The messages of inventory.proto. */
export const inventoryService = 'shop.inventory.v1.Inventory';

export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

export interface Item {
  readonly sku: string;
  readonly title: string;
  readonly unitCents: number;
  readonly available: number;
}

export interface LevelRequest {
  readonly skus: readonly string[];
}

export interface LevelReply {
  readonly items: readonly Item[];
}

export interface ReserveRequest {
  readonly order: string;
  readonly lines: readonly Line[];
}

export interface ReserveReply {
  readonly items: readonly Item[];
  readonly totalCents: number;
}

export interface ReleaseRequest {
  readonly order: string;
}

export interface ReleaseReply {
  readonly released: boolean;
}

/** Turns a message into bytes and back. */
export interface Codec<T> {
  encode(message: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

const line: Codec<Line> = {
  encode: (message) =>
    Buffer.concat([...encodeText(1, message.sku), ...encodeNumber(2, message.quantity)]),
  decode: (bytes) => {
    const fields = decodeFields(bytes);
    return { sku: textOf(fields, 1), quantity: numberOf(fields, 2) };
  },
};

const item: Codec<Item> = {
  encode: (message) =>
    Buffer.concat([
      ...encodeText(1, message.sku),
      ...encodeText(2, message.title),
      ...encodeNumber(3, message.unitCents),
      ...encodeNumber(4, message.available),
    ]),
  decode: (bytes) => {
    const fields = decodeFields(bytes);
    return {
      sku: textOf(fields, 1),
      title: textOf(fields, 2),
      unitCents: numberOf(fields, 3),
      available: numberOf(fields, 4),
    };
  },
};

export const levelRequest: Codec<LevelRequest> = {
  encode: (message) => Buffer.concat(message.skus.flatMap((sku) => encodeText(1, sku))),
  decode: (bytes) => ({ skus: textsOf(decodeFields(bytes), 1) }),
};

export const levelReply: Codec<LevelReply> = {
  encode: (message) =>
    Buffer.concat(message.items.flatMap((one) => encodeMessage(1, item.encode(one)))),
  decode: (bytes) => ({ items: messagesOf(decodeFields(bytes), 1).map(item.decode) }),
};

export const reserveRequest: Codec<ReserveRequest> = {
  encode: (message) =>
    Buffer.concat([
      ...encodeText(1, message.order),
      ...message.lines.flatMap((one) => encodeMessage(2, line.encode(one))),
    ]),
  decode: (bytes) => {
    const fields = decodeFields(bytes);
    return { order: textOf(fields, 1), lines: messagesOf(fields, 2).map(line.decode) };
  },
};

export const reserveReply: Codec<ReserveReply> = {
  encode: (message) =>
    Buffer.concat([
      ...message.items.flatMap((one) => encodeMessage(1, item.encode(one))),
      ...encodeNumber(2, message.totalCents),
    ]),
  decode: (bytes) => {
    const fields = decodeFields(bytes);
    return { items: messagesOf(fields, 1).map(item.decode), totalCents: numberOf(fields, 2) };
  },
};

export const releaseRequest: Codec<ReleaseRequest> = {
  encode: (message) => Buffer.concat([...encodeText(1, message.order)]),
  decode: (bytes) => ({ order: textOf(decodeFields(bytes), 1) }),
};

export const releaseReply: Codec<ReleaseReply> = {
  encode: (message) => Buffer.concat([...encodeNumber(1, message.released ? 1 : 0)]),
  decode: (bytes) => ({ released: numberOf(decodeFields(bytes), 1) === 1 }),
};
