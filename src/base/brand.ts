declare const brand: unique symbol;

/** A string or number that was parsed by the one constructor of its kind. Raw values stop at the border. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
