"""Turn names, ids, lists and file contents into text that can be compared.

Each question has one answer for the whole product: `normal_form.normalise` for names,
`track_ids.track_id_of` for ids, `credits.credit_prefixes` for credits, `lists.split_list` for
cells that hold several names, `decoding.decode` for bytes, `bounded_json` for JSON from outside,
`printable.printable` for text that goes to a terminal.
"""
