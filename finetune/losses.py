"""What any classifier can be asked for beside its own loss."""

from torch import Tensor


def r_drop(log_p: Tensor, log_q: Tensor) -> Tensor:
    """R-Drop's disagreement of two passes with different dropout (Liang et al. 2021): ½ (KL(p‖q) + KL(q‖p)).

    [B, C], [B, C] → [B]; each at least 0, and 0 where both passes agree.
    """
    return 0.5 * ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(1)
