import Tensor

/// Changes parameters by their gradients, and keeps what it needs to go on exactly after a restart.
package protocol Optimizer: AnyObject {
    /// One step with the gradients the parameters hold now. They are not zeroed.
    func step(learningRate: Float, workspace: Workspace)
    /// Everything to store in a checkpoint, under names of its own (`optimizer.…`).
    var state: StateDict { get }
    /// Goes on from a stored state; nothing changes when it throws.
    func restore(_ state: StateDict) throws(StateDictError)
}
