import { EntitySchema } from "typeorm";

export class TodoItem {
  static readonly maxTitle = 120;
  static readonly maxItems = 100;

  id!: number;
  title!: string;
  done!: boolean;
}

export const TodoItemSchema = new EntitySchema<TodoItem>({
  name: "TodoItem",
  target: TodoItem,
  columns: {
    id: { type: Number, primary: true, generated: "increment" },
    title: { type: String, length: TodoItem.maxTitle },
    done: { type: Boolean, default: false },
  },
});
