import { types } from "node:util";
import { MercureError } from "../../shared/errors.js";
import { assertKnownOptions } from "../../shared/known-options.js";
import { onRejection } from "../../shared/on-rejection.js";
import { isPlainObject } from "../../shared/plain-object.js";
import { textComplaintOf, textOf } from "../../shared/text.js";
import { type PublishOptions, publishOptions } from "./publish-options.js";

/** A class of model objects. Its constructor can take any arguments. */
export type ModelClass<T extends object = object> = abstract new (...args: never[]) => T;

/** Declares the topic, id, component and publish options of a class's objects. All properties are optional. */
export interface ModelDeclaration<T extends object = object> {
  /**
   * The name of the class, used in topics and as the component's name. Default: `Class.name`. Set it if code is
   * minified.
   */
  name?: string | undefined;
  /**
   * The object's id: the name of a property, or a function of the object. Objects with a text form, such as a UUID or
   * an ObjectId, are valid ids. Default `id`.
   */
  id?: (keyof T & string) | ((object: T) => string | number | bigint | object) | undefined;
  /** Returns an object's topic. Default `Name/id`. */
  topic?: ((object: T) => string) | undefined;
  /** The name of the component that renders an object. Default: the class's name. */
  component?: string | undefined;
  /** Returns the component's properties. Must be synchronous. Default: the object's own fields and its getters. */
  props?: ((object: T) => Record<string, unknown>) | undefined;
  /** Options for every publish of an object as data. The options of a call override them. */
  publish?: PublishOptions | undefined;
}

const declarationOptions: readonly string[] = [
  "name",
  "id",
  "topic",
  "component",
  "props",
  "publish",
] satisfies (keyof ModelDeclaration)[];

/** The static property of a class's own declaration: `static mercure: ModelDeclaration<TodoItem> = { … }`. */
const declarationField = "mercure";

/** Holds the declarations of model classes, and returns the topics, components and properties of their objects. */
export class Models {
  readonly #declarations = new Map<ModelClass, ModelDeclaration>();

  declare<T extends object>(model: ModelClass<T>, declaration: ModelDeclaration<T>): void {
    if (typeof model !== "function") {
      throw new MercureError("ERR_MODEL", `sse.model() takes a class, not ${describe(model)}.`);
    }
    assertKnownOptions(declaration, declarationOptions, "sse.model");
    if (declaration.publish !== undefined)
      assertKnownOptions(declaration.publish, publishOptions, "publish of a model");
    this.#declarations.set(model, declaration as ModelDeclaration);
  }

  /**
   * Returns whether a value is an object of a model class, declared or not. Plain objects, arrays and strings are not.
   */
  isObject(value: unknown): value is object {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof String) return false;
    return !isPlainObject(value);
  }

  /** Returns whether the value's class, or one that it extends, is declared. */
  isDeclared(value: object): boolean {
    return this.#declarationOf(classOf(value)) !== undefined;
  }

  /**
   * Returns the topic of a model object.
   *
   * @throws MercureError `ERR_MODEL` if the object has no id, or if the topic function does not return a string.
   */
  topicOf(object: object): string {
    const declaration = this.#declarationOf(classOf(object));
    const topic: unknown = declaration?.topic?.(object);
    if (typeof topic === "string" && topic !== "") return topic;
    if (topic !== undefined && topic !== null) {
      onRejection(topic);
      const name = this.nameOf(classOf(object));
      throw new MercureError(
        "ERR_MODEL",
        `The topic function of ${name} returned ${describe(topic)}; it must return a string.`,
      );
    }
    return `${this.nameOf(classOf(object))}/${this.#idOf(object, declaration)}`;
  }

  nameOf(model: ModelClass): string {
    const name = this.#declarationOf(model)?.name ?? model.name;
    if (name === "") throw new MercureError("ERR_MODEL", "The class has no name. Set one: sse.model(Class, { name }).");
    return name;
  }

  componentOf(object: object): string {
    const model = classOf(object);
    return this.#declarationOf(model)?.component ?? this.nameOf(model);
  }

  publishOptionsOf(object: object): PublishOptions {
    const options = this.#declarationOf(classOf(object))?.publish ?? {};
    // `declare` has checked only the declarations that it received, not the static ones.
    assertKnownOptions(options, publishOptions, `publish of the model ${this.nameOf(classOf(object))}`);
    return options;
  }

  /**
   * Returns the component's properties for a model object, or undefined for a value that is not a model object.
   *
   * @throws MercureError `ERR_MODEL` if the function `props` does not return an object synchronously.
   */
  propsOf(value: object): Record<string, unknown> | undefined {
    if (!this.isObject(value)) return undefined;
    const props: unknown = this.#declarationOf(classOf(value))?.props?.(value);
    if (props === undefined || props === null) return { ...getters(value), ...value };
    if (typeof props === "object" && !types.isPromise(props)) return props as Record<string, unknown>;
    onRejection(props);
    const [name, given] = [this.nameOf(classOf(value)), types.isPromise(props) ? "a promise" : describe(props)];
    throw new MercureError(
      "ERR_MODEL",
      `The props function of ${name} returned ${given}; it must return an object synchronously.`,
    );
  }

  #idOf(object: object, declaration: ModelDeclaration | undefined): string {
    const source = declaration?.id ?? "id";
    const id: unknown = typeof source === "function" ? source(object) : (object as Record<string, unknown>)[source];
    const text = idText(id);
    if (text !== undefined) return text;
    onRejection(id);
    const name = this.nameOf(classOf(object));
    const where = typeof source === "function" ? "its id function returned" : `its ${source} is`;
    const complaint = textComplaintOf(id);
    const reason = complaint ?? `${describe(id)}. Save it first, or declare its id`;
    throw new MercureError("ERR_MODEL", `This ${name} has no id, so it cannot be a topic: ${where} ${reason}.`);
  }

  #declarationOf(model: ModelClass): ModelDeclaration | undefined {
    for (let each: unknown = model; typeof each === "function"; each = Object.getPrototypeOf(each)) {
      const declared = this.#declarations.get(each as ModelClass);
      if (declared !== undefined) return declared;
      if (Object.hasOwn(each, declarationField)) return Reflect.get(each, declarationField) as ModelDeclaration;
    }
    return undefined;
  }
}

/** Returns an id, such as a number, a UUID or an ObjectId, as text. Returns undefined for a value that is not an id. */
function idText(id: unknown): string | undefined {
  if (typeof id === "boolean" || textComplaintOf(id) !== undefined) return undefined;
  return textOf(id, (complaint) => new MercureError("ERR_MODEL", `An id is ${complaint}.`)) || undefined;
}

function classOf(object: object): ModelClass {
  return object.constructor as ModelClass;
}

/** Returns the values of the getters of an object's class and of the classes that it extends. */
function getters(object: object): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (
    let prototype: object = Object.getPrototypeOf(object);
    prototype !== Object.prototype && prototype !== null;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (get !== undefined && !(name in values)) values[name] = get.call(object);
    }
  }
  return values;
}

function describe(value: unknown): string {
  return value === null ? "null" : value === "" ? "empty" : typeof value;
}
