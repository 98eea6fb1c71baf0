/** What JSON.parse yields and JSON.stringify takes. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
