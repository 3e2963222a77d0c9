import type * as tfjs from '@tensorflow/tfjs'

/** What a kernel gets from tfjs, as the wasm kernels see it. */
export interface KernelCall {
  readonly inputs: Readonly<Record<string, tfjs.TensorInfo>>
  readonly attrs: Readonly<Record<string, unknown>>
  readonly backend: WasmBackend
}

/** The parts of tfjs-backend-wasm's backend that kernels work with. */
export interface WasmBackend {
  readonly wasm: {
    cwrap(name: string, result: null, parameters: readonly string[]): (...args: unknown[]) => void
    readonly tfjs: { readonly registerTensor: (id: number, size: number, offset: number) => void, readonly disposeData: (id: number) => void }
  }
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: number } }
  dataIdNextNumber: number
  makeOutput(shape: readonly number[], dtype: string): tfjs.TensorInfo
  typedArrayFromHeap(tensor: tfjs.TensorInfo): Float32Array | Int32Array | Uint8Array
  disposeData(dataId: object): boolean
  incRef(dataId: object): void
}

/** Runs another wasm kernel from inside a kernel; what it returns must be disposed of or returned. */
export type Run = (kernel: string, call: KernelCall) => tfjs.TensorInfo

/** A kernel of ours: from `run` (other kernels) and tfjs to what tfjs registers. */
export type Kernel = (run: Run, tf: typeof tfjs) => (call: KernelCall) => tfjs.TensorInfo
