/**
 * Types of the parts of Nunjucks 3.2 that tags need and that its type declarations lack. Token types and node classes
 * are the same in every copy of the library, so an application's own copy works.
 */
import nunjucks, { type Environment, type Extension, type Template } from "nunjucks";

export interface Token {
  readonly type: string;
  readonly value: string;
  /** Line and column count from 0. */
  readonly lineno: number;
  readonly colno: number;
}

export interface Tokenizer {
  readonly index: number;
  readonly lineno: number;
  readonly colno: number;
  readonly tags: { readonly BLOCK_START: string; readonly BLOCK_END: string };
  nextToken(): Token | null;
  forwardN(count: number): void;
}

export interface Lexer {
  lex(source: string, options?: EnvironmentOptions): Tokenizer;
  readonly TOKEN_BLOCK_START: string;
  readonly TOKEN_BLOCK_END: string;
  readonly TOKEN_VARIABLE_START: string;
  readonly TOKEN_VARIABLE_END: string;
  readonly TOKEN_DATA: string;
  readonly TOKEN_WHITESPACE: string;
  readonly TOKEN_SYMBOL: string;
  readonly TOKEN_OPERATOR: string;
  readonly TOKEN_COLON: string;
  readonly TOKEN_COMMA: string;
  readonly TOKEN_PIPE: string;
  readonly TOKEN_STRING: string;
  readonly TOKEN_INT: string;
  readonly TOKEN_FLOAT: string;
  readonly TOKEN_BOOLEAN: string;
  readonly TOKEN_NONE: string;
  readonly TOKEN_LEFT_PAREN: string;
  readonly TOKEN_LEFT_BRACKET: string;
}

export type Node = object;

type NodeClass = new (lineno: number, colno: number, ...fields: unknown[]) => Node;

export interface Nodes {
  readonly NodeList: NodeClass;
  readonly Output: NodeClass;
  readonly TemplateData: NodeClass;
  readonly Literal: NodeClass;
  readonly Symbol: NodeClass;
  readonly Dict: NodeClass;
  readonly Pair: NodeClass;
  readonly Caller: NodeClass;
  readonly Filter: NodeClass;
  readonly InlineIf: NodeClass;
  readonly Or: NodeClass;
  readonly And: NodeClass;
  readonly Not: NodeClass;
  readonly CallExtensionAsync: new (extension: unknown, method: string, args?: Node, contentArgs?: Node[]) => Node;
  readonly CallExtension: new (extension: string, method: string, args: Node, contentArgs: Node[]) => Node;
}

export interface Parser {
  readonly extensions?: readonly unknown[];
  nextToken(withWhitespace?: boolean): Token | null;
  peekToken(): Token | null;
  pushToken(token: Token | null): void;
  skipValue(type: string, value: string): boolean;
  parseExpression(): Node;
  parseUntilBlocks(...names: string[]): Node & { findAll(type: new (...fields: never[]) => Node): readonly Node[] };
  advanceAfterBlockEnd(name?: string): Token;
}

export interface EnvironmentOptions {
  readonly autoescape?: boolean;
  readonly tags?: Partial<Record<"blockStart" | "blockEnd" | "variableStart" | "variableEnd", string>>;
  readonly trimBlocks?: boolean;
}

/** The result of a loader. Loaders of applications also return undefined for a missing template. */
export type LoadedSource =
  | { readonly src: unknown; readonly path: string; readonly noCache?: boolean }
  | null
  | undefined;

export type LoaderCallback = (error: unknown, loaded: LoadedSource) => void;

export interface Loader {
  readonly cache: Record<string, unknown>;
  getSource(name: string, callback?: LoaderCallback): LoadedSource;
}

export interface EnvironmentInternals extends Omit<Environment, "getExtension"> {
  readonly opts: EnvironmentOptions;
  readonly loaders: Loader[];
  extensionsList: { readonly tags?: readonly string[] }[];
  readonly extensions: Record<string, object>;
  /** The names of the asynchronous filters. */
  readonly asyncFilters: readonly string[];
  getExtension(name: string): Extension | undefined;
}

export type TemplateClass = new (source: string, environment: Environment, path: string, eager: boolean) => Template;

export const { lexer } = nunjucks as typeof nunjucks & { readonly lexer: Lexer };
