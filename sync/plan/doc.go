// Package plan decides. Given gifts, what the portal holds and who is who, it
// says what must change and why. It is pure: no network, files, clock, log or
// randomness, and the same input in any order gives the same plan.
//
// A run calls [Merge] for every gift seen, [Make] for every window and hands
// the [Plan] to whoever writes. The custom object's properties stand in one
// table, [Fields], from which the schema, the values and the diff all follow.
package plan
