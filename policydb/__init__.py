"""The policy engine: nodes to a store, the store to decisions, decisions to reasons.

As a library (each name from the module that has it, so that importing stays cheap):

    policydb.compiler   compile_paths(paths, store, now), check_paths(paths)      files -> a generation, or findings
    policydb.snapshot   open_snapshot(store, generation=None), list_generations   a generation -> decide, explain
    policydb.request    Request(authorizers, attributes, values)                  what is asked
    policydb.assemble   assemble(policies, files, credentials)                    texts -> a graph, without a store
    policydb.checker    decide(graph, request)                                    the compliance value
    policydb.explain    explain(graph, request)                                   the value and why, a Decision
    policydb.decision   Decision, to_json(decision)                               its JSON form
    policydb.batch      answers(lines, store)                                     many queries, one JSON object a line
    policydb.decisionlog  DecisionLog(path)                                       what a daemon negotiated
"""
