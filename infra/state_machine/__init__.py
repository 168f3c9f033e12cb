"""The state machine EcommerceETLPipeline, made from the contracts and the checks, in JSONata."""
