// Which page changes what: loaded when one of them is opened first.
import type { ComponentChildren } from 'preact'
import { pathOf } from '../router.ts'
import { DeleteGroup, ResetOffsets } from './group-tasks.tsx'
import { MoveTopic, MoveTopics } from './move-task.tsx'
import { ElectForCluster, ElectForTopic, LiftLimit, StopAllMoves, StopMoves } from './placement-tasks.tsx'
import { Produce } from './produce-task.tsx'
import { ChangeSettings } from './settings-task.tsx'
import { AddPartitions, CreateTopic, DeleteRecords, DeleteTopic } from './topic-tasks.tsx'

/** Null where there is none of that name on that page. */
export function taskOf(task: string, [section, item, part]: readonly string[]): ComponentChildren {
  if (item === undefined) {
    const ofAll: Readonly<Record<string, () => ComponentChildren>> = {
      'topics create': () => <CreateTopic />,
      'topics move': () => <MoveTopics />,
      'brokers elect': () => <ElectForCluster />,
      'brokers stop': () => <StopAllMoves />,
      'brokers lift': () => <LiftLimit />,
    }
    return ofAll[`${section} ${task}`]?.() ?? null
  }
  if (section === 'topics' && part === 'messages') return task === 'produce' ? <Produce topic={item} /> : null
  const ofTopic: Readonly<Record<string, () => ComponentChildren>> = {
    delete: () => <DeleteTopic name={item} />,
    partitions: () => <AddPartitions name={item} />,
    empty: () => <DeleteRecords name={item} />,
    settings: () => <ChangeSettings kind="topic" name={item} back={pathOf('topics', item)} />,
    spread: () => <MoveTopic name={item} />,
    stop: () => <StopMoves name={item} />,
    elect: () => <ElectForTopic name={item} />,
  }
  const ofGroup: typeof ofTopic = {
    reset: () => <ResetOffsets id={item} />,
    delete: () => <DeleteGroup id={item} />,
  }
  const ofBroker: typeof ofTopic = {
    settings: () => <ChangeSettings kind="broker" name={item} back={pathOf('brokers', item)} />,
  }
  const tasks = section === 'topics' ? ofTopic : section === 'groups' ? ofGroup : ofBroker
  return tasks[task]?.() ?? null
}
