/** What filters do with packets: their actions as attributes, and as they are told. */

import type { Values } from "../../codec/encode.ts";
import type { BaseView } from "../../codec/view.ts";
import { type LinkRef, linkRef } from "../input.ts";
import { actionCodec, checkKind, OTHERS, setTarget } from "./action_kinds.ts";
import type { Action } from "./action_options.ts";
import { asRead } from "./tc_object.ts";

export type { Action };

/** The attributes of actions; names of links become indexes. */
export function actionValues(
  actions: readonly Action[] | undefined,
  index: (link: LinkRef, parameter: string) => Promise<number>,
): Promise<Values[] | undefined> {
  if (actions === undefined) return Promise.resolve(undefined);
  return Promise.all(actions.map(async (action, i) => {
    const path = `options.actions[${i}].`, { kind } = action;
    checkKind(action, path);
    const link = kind === "mirred" ? linkRef(`${path}link`, action.link) : 0;
    const own = ownValues(action, path);
    if (kind === "mirred") setTarget(own, await index(link, `${path}link`));
    return { kind, options: { ...own, ...action.data } };
  }));
}

function ownValues(action: Action, path: string): Record<string, unknown> {
  return actionCodec(action.kind)?.write(action, path) ?? {};
}

/** An action as it is told once the kernel has it; `path` is for errors. */
export function actionAsTold(action: Action, path: string): Action {
  checkKind(action, path);
  const { kind, data } = action, options = { ...ownValues(action, path), ...data };
  const { act } = asRead("matchall", { act: [{ kind, options }] }) as { act: Values[] };
  const [told] = readActions(act)!;
  return told.kind === "mirred" ? { ...told, link: (action as typeof told).link } : told;
}

/** The actions that attributes describe. */
export function readActions(list: readonly Values[] | undefined): Action[] | undefined {
  return list?.map(({ kind, options }) => readAction(kind as string, options as BaseView));
}

// Attributes that tell nothing of what an action does.
const REPORTED = ["tm"];

function readAction(kind: string, options: BaseView | Uint8Array | undefined): Action {
  const view = options instanceof Uint8Array ? undefined : options;
  const { told, ...own } = view && actionCodec(kind)?.read(view as unknown as Values) ||
    { told: [] };
  const rest = Object.entries(view?.toJSON() ?? {})
    .filter(([name]) => !REPORTED.includes(name) && !told.includes(name));
  const data = rest.length === 0 ? undefined : Object.fromEntries(rest);
  const needed = data !== undefined || Object.hasOwn(OTHERS, kind);
  return { kind, ...own, ...needed ? { data: data ?? {} } : {} } as Action;
}
