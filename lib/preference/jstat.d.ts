/** The part of jStat 1.9 that we use; the package brings no types. */
declare module 'jstat' {
  interface Continuous { cdf(x: number, ...parameters: number[]): number; inv(p: number, ...parameters: number[]): number }
  export const jStat: {
    readonly normal: Continuous
    readonly beta: Continuous
    /** log Γ(x). */
    gammaln(x: number): number
    /** 1 − erf(x). */
    erfc(x: number): number
  }
}
